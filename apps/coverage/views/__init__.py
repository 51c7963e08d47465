"""The coverage pages, an idea each."""
