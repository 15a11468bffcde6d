"""What can be said: letters with their sizes and kinds, expressions, differentials."""
