"""How well Speedgate does what it says: experiments with known truths, run by hand or nightly."""
