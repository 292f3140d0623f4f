"""Numbers that judge images and latent spaces; arrays in, numbers out."""
