# rows: sources
