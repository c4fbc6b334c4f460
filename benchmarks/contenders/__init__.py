"""How each contender gets photos and a network; one module each, so that none pays for another."""
