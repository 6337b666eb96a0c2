"""Side-by-side measurements on this machine; never part of the test run."""
