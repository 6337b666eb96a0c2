"""What was promised against what is: sketches, drift, performance as outcomes mature, requests for a challenger, days of tables."""
