"""What is shown as a living widget: views that know events and jobs, and nothing of who makes them."""
