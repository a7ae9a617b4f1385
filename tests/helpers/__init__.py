"""What integration tests stand on: a bundle to edit, the runtime under test, and a watch on what it leaves behind."""
