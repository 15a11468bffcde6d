"""What decides: two judges that multiply a certificate out, and exact counterexamples."""
