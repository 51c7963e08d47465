"""The demo's calendar of games, the same at every build.

Season boundaries, days without a game and numbers of games are real; the pairings are random with a fixed seed.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta


def words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


TEAMS = words(
    "ATL BOS BKN CHA CHI CLE DAL DEN DET GSW HOU IND LAC LAL MEM "
    "MIA MIL MIN NOP NYK OKC ORL PHI PHX POR SAC SAS TOR UTA WAS"
)

FINAL, SCHEDULED = 3, 1

# Relative number of games, Monday to Sunday.
WEEKDAY_WEIGHTS = (8.0, 6.2, 9.4, 5.0, 9.4, 7.4, 6.6)
MOST_GAMES_A_DAY = 15


@dataclass(frozen=True)
class Season:
    name: str
    opening: date
    end: date
    games: int
    days_off: tuple[str, ...]
    all_star: tuple[date, ...] = ()
    play_in: tuple[date, ...] = ()
    playoffs_start: date | None = None
    fixed: dict[date, int] = field(default_factory=dict)

    @property
    def dates(self) -> list[date]:
        length = (self.end - self.opening).days + 1
        days = [self.opening + timedelta(days=n) for n in range(length)]
        return [day for day in days if f"{day:%m-%d}" not in self.days_off]


SEASONS = (
    Season(
        name="2021-22",
        opening=date(2021, 10, 19),
        end=date(2022, 6, 16),
        games=1327,
        days_off=words(
            "11-25 12-24 02-19 02-21 02-22 02-23 04-04 04-11 04-14 04-30 05-05 05-14 05-16 05-28 05-30 05-31 "
            "06-01 06-03 06-04 06-06 06-07 06-09 06-11 06-12 06-14 06-15"
        ),
        all_star=(date(2022, 2, 18), date(2022, 2, 20)),
        play_in=(date(2022, 4, 12), date(2022, 4, 13), date(2022, 4, 15)),
        playoffs_start=date(2022, 4, 16),
        fixed={date(2022, 1, 19): 8},
    ),
    Season(
        name="2022-23",
        opening=date(2022, 10, 18),
        end=date(2023, 6, 12),
        games=1324,
        days_off=words(
            "11-08 11-24 12-24 02-18 02-20 02-21 02-22 04-03 04-10 04-13 05-13 05-15 05-24 05-26 05-28 05-30 "
            "05-31 06-02 06-03 06-05 06-06 06-08 06-10 06-11"
        ),
        all_star=(date(2023, 2, 17), date(2023, 2, 19)),
        play_in=(date(2023, 4, 11), date(2023, 4, 12), date(2023, 4, 14)),
        playoffs_start=date(2023, 4, 15),
    ),
    Season(
        name="2023-24",
        opening=date(2023, 10, 24),
        end=date(2024, 6, 17),
        games=1322,
        days_off=words(
            "11-07 11-23 12-03 12-09 12-10 12-24 02-17 02-19 02-20 02-21 04-08 04-13 04-15 04-18 05-20 05-29 "
            "05-31 06-01 06-02 06-03 06-04 06-05 06-07 06-08 06-10 06-11 06-13 06-15 06-16"
        ),
        all_star=(date(2024, 2, 16), date(2024, 2, 18)),
        play_in=(date(2024, 4, 16), date(2024, 4, 17), date(2024, 4, 19)),
        playoffs_start=date(2024, 4, 20),
    ),
    Season(
        name="2024-25",
        opening=date(2024, 10, 22),
        end=date(2024, 11, 29),
        games=280,
        days_off=("11-05", "11-28"),
    ),
)

# Postponed and future games: rows that make no date expected.
POSTPONED = (date(2021, 12, 19), date(2021, 12, 24), date(2023, 12, 9), date(2024, 1, 17))
STILL_TO_COME = tuple(date(2024, 11, 30) + timedelta(days=n) for n in range(4))


@dataclass(frozen=True)
class Game:
    game_id: str
    game_date: date
    season: str
    game_type: str
    game_status: int
    home_team: str
    away_team: str
    tipoff_at: datetime | None


def all_games() -> list[Game]:
    """Every row of the schedule, by date."""
    games = [game for season in SEASONS for game in season_games(season)]
    games += games_not_played(games)
    return sorted(games, key=lambda game: (game.game_date, game.game_id))


def season_games(season: Season) -> list[Game]:
    counts = games_a_day(season)
    draw = Draw(season)
    games = []
    for day in season.dates:
        kind = kind_of_day(season, day)
        for slot, (home, away) in enumerate(draw.pairs(day, counts[day], playoffs=kind == "playoffs")):
            number = len(games) + 1
            game_id = f"00{'2345'[KINDS.index(kind)]}{season.name[2:4]}{number:05d}"
            tipoff_at = datetime.combine(day, time(19 + slot % 4, 30 * (slot % 2)))
            games.append(Game(game_id, day, season.name, kind, FINAL, home, away, tipoff_at))
    return games


KINDS = ("regular", "all-star", "playoffs", "play-in")


def kind_of_day(season: Season, day: date) -> str:
    if day in season.all_star:
        return "all-star"
    if day in season.play_in:
        return "play-in"
    if season.playoffs_start and day >= season.playoffs_start:
        return "playoffs"
    return "regular"


def games_a_day(season: Season) -> dict[date, int]:
    """The number of games on each date, with the season's total."""
    days = season.dates
    counts = {season.opening: 2, **season.fixed}
    counts |= dict.fromkeys(season.play_in, 2)
    counts |= dict(zip(season.all_star, (3, 1), strict=False))
    playoffs = [day for day in days if kind_of_day(season, day) == "playoffs"]
    counts |= playoff_games_a_day(playoffs)
    if season.playoffs_start:
        last_regular_day = max(day for day in days if day < season.play_in[0])
        counts[last_regular_day] = MOST_GAMES_A_DAY
    rest = [day for day in days if day not in counts]
    return counts | spread(rest, season.games - sum(counts.values()), seed=season.name)


def playoff_games_a_day(days: list[date]) -> dict[date, int]:
    """Three or four per day in the first round, two in the second, then one."""
    return {day: (4 if n % 3 == 0 else 3) if n < 14 else 2 if n < 26 else 1 for n, day in enumerate(days)}


def spread(days: list[date], games: int, *, seed: str) -> dict[date, int]:
    """Distribute the games over the days by weekday, with noise, within MOST_GAMES_A_DAY."""
    chance = random.Random(f"days {seed}")
    weights = {day: WEEKDAY_WEIGHTS[day.weekday()] * chance.uniform(0.85, 1.25) for day in days}
    factor = games / sum(weights.values())
    counts = {day: min(MOST_GAMES_A_DAY, max(3, int(weights[day] * factor))) for day in days}
    by_shortfall = sorted(days, key=lambda day: counts[day] - weights[day] * factor)
    while sum(counts.values()) < games:
        for day in by_shortfall:
            if sum(counts.values()) < games and counts[day] < MOST_GAMES_A_DAY:
                counts[day] += 1
    return counts


class Draw:
    """The pairings: teams with the fewest games are next, so that all play equally often."""

    def __init__(self, season: Season) -> None:
        self.chance = random.Random(f"games {season.name}")
        self.played = dict.fromkeys(TEAMS, 0)
        self.at_home = dict.fromkeys(TEAMS, 0)
        self.last_day: dict[str, date] = {}
        self.alive = list(TEAMS)
        self.playoff_days = 0

    def pairs(self, day: date, count: int, *, playoffs: bool) -> list[tuple[str, str]]:
        teams = self.teams_in_playoffs(day, count) if playoffs else self.rested_teams(day, count)
        pairs = [self.home_first(a, b) for a, b in zip(teams[::2], teams[1::2], strict=True)]
        for pair in pairs:
            self.at_home[pair[0]] += 1
            for team in pair:
                self.played[team] += 1
                self.last_day[team] = day
        return pairs

    def rested_teams(self, day: date, count: int) -> list[str]:
        yesterday = day - timedelta(days=1)
        order = sorted(
            TEAMS,
            key=lambda t: (self.played[t], self.last_day.get(t) == yesterday, self.chance.random()),
        )
        teams = order[: 2 * count]
        self.chance.shuffle(teams)
        return teams

    def teams_in_playoffs(self, day: date, count: int) -> list[str]:
        """Sixteen teams, then eight, four and two: fixed series, the one that has waited longest is next."""
        still_in = next(
            teams for teams, until in ((16, 14), (8, 26), (4, 38), (2, 999)) if self.playoff_days < until
        )
        self.playoff_days += 1
        if len(self.alive) > still_in:
            self.alive = self.chance.sample(self.alive, still_in)
        series = list(zip(self.alive[::2], self.alive[1::2], strict=True))
        series.sort(key=lambda pair: self.last_day.get(pair[0], date.min))
        return [team for pair in series[:count] for team in pair]

    def home_first(self, a: str, b: str) -> tuple[str, str]:
        return (a, b) if self.at_home[a] <= self.at_home[b] else (b, a)


def games_not_played(final: list[Game]) -> list[Game]:
    """Games that are not final, of teams without another game on that date."""
    rows = []
    for number, day in enumerate((*POSTPONED, *STILL_TO_COME), start=1):
        busy = {team for game in final if game.game_date == day for team in (game.home_team, game.away_team)}
        home, away = [team for team in TEAMS if team not in busy][:2]
        season = next(season.name for season in reversed(SEASONS) if day >= season.opening)
        game_id = f"002{season[2:4]}{90000 + number}"
        rows.append(Game(game_id, day, season, "regular", SCHEDULED, home, away, None))
    return rows
