# rows: tests
