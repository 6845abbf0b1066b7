# tokenizer: tests
