import click


@click.command()
def frozen():
    """Say what this is."""
    click.echo("a plugin of the first release")
