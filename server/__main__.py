"""The command line `kvitok`."""

from __future__ import annotations

import typer

from server.cli import account as account_commands
from server.cli import agent as agent_commands
from server.cli import (
    allocation,
    cache,
    calendar,
    doctor,
    payment,
    protocol,
    registry,
    serving,
    simulate,
    staff,
)
from server.cli.context import said

app = typer.Typer(
    name="kvitok",
    help=said(
        "Payment-integration server for housing and utility billing",
        "Сервер приёма платежей и сверки для ЖКХ",
    ),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("demo", help=said("start everything with the demo town", "запустить демонстрацию"))(
    serving.demo
)
app.command("serve", help=said("serve (production)", "запустить сервер"))(serving.serve)
app.command("dsn", help=said("print a running demo's DSN", "адрес базы демонстрации"))(serving.dsn)
app.command("simulate", help=said("play an agent's network", "сыграть за сеть агента"))(
    simulate.simulate_network
)
app.command("doctor", help=said("check everything", "проверить всё"))(doctor.doctor)
app.add_typer(account_commands.app, name="account")
app.add_typer(agent_commands.app, name="agent")
app.add_typer(payment.app, name="payment")
app.add_typer(allocation.app, name="allocation")
app.add_typer(registry.app, name="registry")
app.add_typer(staff.app, name="staff")
app.add_typer(cache.app, name="cache")
app.add_typer(calendar.app, name="calendar")
app.add_typer(protocol.app, name="protocol")


def main() -> None:
    """Entry point of the console script."""
    app()


if __name__ == "__main__":
    main()
