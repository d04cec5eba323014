"""What ~/.ssh/config says of a host: ssh is asked, or the files are read as ssh reads them."""
