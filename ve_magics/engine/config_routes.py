"""What a model's name leads to: the targets of a route, of an alias, or of the model itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ve_magics import catalog
from ve_magics.engine.config_file import Midstream, RouteRow
from ve_magics.engine.config_keys import ProviderKeys
from ve_magics.errors import ConfigError, UnknownModelError
from ve_magics.providers import Provider
from ve_magics.routing import Route, Target

REMEMBERED = 4096
"""Names whose routes are remembered at most."""


class Routes:
    """Finds the targets of the names that a user types.

    Args:
        providers: The providers by name.
        rows: The routes that the user's files name.
        aliases: Other names, and what each stands for.
        keys: Tells which providers could be asked now; a key that is typed is seen.
        price: Returns what a target costs; None where that isn't known.
    """

    def __init__(
        self,
        providers: Mapping[str, Provider],
        rows: Mapping[str, RouteRow],
        aliases: Mapping[str, str],
        keys: ProviderKeys,
        price: Callable[[Target], catalog.Price | None],
    ) -> None:
        self._providers = providers
        self._rows = rows
        self._aliases = aliases
        self._keys = keys
        self._price = price
        self._found: dict[str, Route] = {}
        keys.listen(lambda *_: self.forget())

    def forget(self) -> None:
        """Find every route anew: who could be asked has changed."""
        self._found.clear()

    def names(self) -> tuple[str, ...]:
        """Return every name that a user could type for a model now: routes, aliases, models of usable providers."""
        models = (
            f"{provider}/{model}"
            for provider, known in catalog.KNOWN_MODELS.items()
            if provider in self._providers and self._keys.usable(provider)
            for model in known
        )
        return (*self._rows, *self._aliases, *models)

    def route(self, model: str) -> Route:
        """Return the targets that may serve a model: a route, an alias, `provider/name`, or a bare name.

        Raises:
            UnknownModelError: Nobody is known to serve it.
            MissingKeyError: Everybody who serves it needs a key.
            ConfigError: A route or an alias leads nowhere or in a circle.
        """
        known = self._found.get(model)
        if known is not None:
            return known
        name = self._resolve(model)
        row = self._rows.get(name)
        if row is None:
            target = self._target(name)
            route = Route(name=str(target), targets=(target,))
            if str(target) != name:
                return route
        else:
            route = self._routed(name, row)
        if len(self._found) >= REMEMBERED:
            self._found.clear()  # a client of the server may invent any number of names
        self._found[model] = route
        return route

    def _resolve(self, model: str) -> str:
        """Follow aliases to the name of a route or a model."""
        seen: list[str] = []
        while model in self._aliases and model not in self._rows:
            if model in seen:
                raise ConfigError(
                    f"The alias {seen[0]!r} leads in a circle: {' → '.join([*seen, model])}.",
                    hint="Mend [aliases].",
                )
            seen.append(model)
            model = self._aliases[model]
        return model

    def _routed(self, name: str, row: RouteRow) -> Route:
        if not row.targets:
            raise ConfigError(f"[routes.{name}] has no targets.")
        targets = tuple(self._member(name, target) for target in row.targets)
        defaults = {} if row.retries is None else {"retries": row.retries}
        ranks = tuple(self._price_rank(target) for target in targets) if row.policy == "cheapest" else ()
        return Route(
            name=name,
            targets=targets,
            policy=row.policy,
            weights=row.weights,
            prices=ranks,
            hedge_percentile=row.hedge_percentile,
            **defaults,
        )

    def _member(self, route: str, model: str) -> Target:
        """Return the target that a route names; whether its provider has a key shows when it is asked."""
        name = self._resolve(model)
        if name in self._rows:
            raise ConfigError(
                f"[routes.{route}] names the route {name!r} as a target.", hint="Name its targets instead."
            )
        makers = [maker for maker in catalog.makers(name) if maker in self._providers]
        if self._named(name) is None and makers:
            usable = [maker for maker in makers if self._keys.usable(maker)]
            return Target((usable or makers)[0], name)
        return self._target(name)

    def _named(self, model: str) -> Target | None:
        """Return the target that `provider/model` names; None for any other name."""
        provider, _, name = model.partition("/")
        return Target(provider, name) if name and provider in self._providers else None

    def _target(self, model: str) -> Target:
        if (target := self._named(model)) is not None:
            return target
        makers = [maker for maker in catalog.makers(model) if maker in self._providers]
        for maker in makers:
            if self._keys.usable(maker):
                return Target(maker, model)
        if makers:
            self._keys.one(makers[0])
        model = model[:200]
        near = catalog.nearest(model, self.names())
        how = f"Did you mean {' or '.join(near)}?" if near else "Name it provider/model;"
        hint = how if near else f"{how} %ve models lists them."
        error = UnknownModelError(f"Nobody here serves a model {model!r}.", nearest=near, hint=hint)
        error.client_hint = how if near else f"{how} GET /v1/models lists them."
        raise error

    def midstream(self, model: str) -> Midstream:
        """Return what happens to an answer of this model that breaks after its first token, as the user set it."""
        row = self._rows.get(self._resolve(model))
        return "restart" if row is None or row.midstream is None else row.midstream

    def _price_rank(self, target: Target) -> float | None:
        price = self._price(target)
        if price is None or price.input is None or price.output is None:
            return None
        return price.input * 3 + price.output
