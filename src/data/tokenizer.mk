# tokenizer: sources
