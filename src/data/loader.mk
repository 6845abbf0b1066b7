# loader: sources
