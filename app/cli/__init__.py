"""The command line, one file a command group. Knows arguments and screens; imports parts lazily."""
