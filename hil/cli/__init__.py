"""The command line: one file a group of commands, imported when a command is asked for."""
