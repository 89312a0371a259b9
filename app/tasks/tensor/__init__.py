"""The tensor task: any graph by its inputs and outputs."""
