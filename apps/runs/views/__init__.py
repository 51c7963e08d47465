"""The pages of runs and failures, a module for each thing that people come for."""
