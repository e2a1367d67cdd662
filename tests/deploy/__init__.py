"""The files of deploy/ and docker-compose.yml, judged by the tools that would read them."""
