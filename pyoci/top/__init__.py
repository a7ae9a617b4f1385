"""A live view of containers: `pyoci top`.

model  samples of a container, and the row that two of them make (pure)
watch  takes samples of all containers
plain  rows as a table of text (pure)
screen rows on a terminal, with `rich`
"""
