"""What the two conformance runners share: isolation, verdicts, tables, and the cases themselves."""
