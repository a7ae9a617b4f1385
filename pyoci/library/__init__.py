"""The library: `import pyoci` has its names, and loads them when they are asked for (pyoci/__init__.py)."""
