"""The manual, made from the tables of options: `pyoci help`, man pages, completion in shells.

    model       the commands as data (cli/reference.py gathers them)
    topics      what is not about one command: `pyoci help TOPIC`
    roff        man pages
    completion  scripts for bash, zsh and fish

All of it is pure. setup.py lets the built program write the pages and scripts, so that they cannot differ from it.
"""
