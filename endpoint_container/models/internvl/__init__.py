"""InternVL: photos and closed questions in, a probability for every listed answer out."""
