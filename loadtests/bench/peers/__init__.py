"""What engineers would put in our place: servers to compare with, and how they are set up."""
