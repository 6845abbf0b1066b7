# image: sources
