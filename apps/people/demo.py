"""The three users of the demo, and the text about them on its login page."""

from apps.people.roles import ADMIN, OPERATOR, VIEWER

PASSWORD = "demo"
PEOPLE = {"operator": OPERATOR, "viewer": VIEWER, "admin": ADMIN}
LOGIN = {
    "password": PASSWORD,
    "people": [
        {"name": "operator", "may": "launch, pause, stop and retry runs"},
        {"name": "viewer", "may": "see everything, change nothing"},
        {"name": "admin", "may": "what an operator may, and manage people"},
    ],
}
