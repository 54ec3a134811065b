"""What answers and pages show, made from the engine and the journal: one file for each noun."""
