"""The command line. `zen.cli.main:main` is what `zen` starts; a file here is a command or a group of commands."""
