"""What several processes share that are one provider: the lease, and the commits of all of them."""
