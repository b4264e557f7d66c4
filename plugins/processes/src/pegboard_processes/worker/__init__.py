"""What runs where a parcel arrives."""
