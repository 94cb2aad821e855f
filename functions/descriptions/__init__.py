"""What photos show, in words: a caption, an answer to a question, or a product report."""
