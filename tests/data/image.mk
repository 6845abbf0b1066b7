# image: tests
