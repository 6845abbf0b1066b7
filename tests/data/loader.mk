# loader: tests
