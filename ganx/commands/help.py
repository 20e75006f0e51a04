"""`ganx train --help` and its like: what can be given to a command that Hydra composes."""

from __future__ import annotations

from ganx.groups import groups, options, own_dir
from ganx.targets import config_dirs

_TEXT = {
    "train": """ganx train [OPTIONS] GROUP=NAME ... KEY=VALUE ...

Train a method on a data set. A finished run is not trained again, a broken one goes on where it stopped.

  ganx train model=hexagan dataset=breast
  ganx train model=hexagan dataset=breast seeds=10 protocol.missing_rate=0.5
  ganx train model=hexagan dataset=csv dataset.path=my.csv dataset.target=null protocol.folds=0
  ganx train -m model=hexagan dataset=breast,wine             each combination, one after the other
  ganx train model=hexagan dataset=breast,wine plan=true      what would be done
  ganx train model=hexagan dataset=breast,wine hydra/launcher=joblib launcher.n_jobs=2
  ganx train model=hexagan dataset=breast,wine hydra/launcher=slurm launcher.pack=8 detach=true
  ganx train model=hexagan dataset=breast search=hexagan n_trials=50        which settings are best (docs/search.md)

Keys of a launcher: ganx train hydra/launcher=slurm model=hexagan --cfg hydra -p hydra.launcher""",
    "eval": """ganx eval [OPTIONS] run=FOLDER|SIGNATURE

Compute the metrics of a finished run again, from its checkpoint.""",
    "impute": """ganx impute [OPTIONS] run=FOLDER|SIGNATURE input=FILE out=FILE [--spread FILE]

Fill the missing cells of a table by what a run has fitted on all rows (refit=true, or protocol.folds=0). Observed cells
stay as they are; `out` has the mean over the replicas, `--spread` their standard deviation, where there are several
(`seeds=5`). Text (.csv, .tsv, .txt), or .parquet.""",
    "predict": """ganx predict [OPTIONS] run=FOLDER|SIGNATURE input=FILE out=FILE [abstain=P]

The class of each row of a table, and the probability of each class. Cells may be missing. With P the likeliest class is
named, and none where its probability is below P.

  ganx predict run=SIGNATURE input=new.csv out=classes.csv
  ganx predict run=SIGNATURE input=new.csv out=classes.csv abstain=0.8""",
    "sample": """ganx sample [OPTIONS] run=FOLDER|SIGNATURE out=FILE KEY=VALUE ...

Rows or images that a trained run makes; nothing is trained.

  ganx sample run=SIGNATURE out=grid.png                      images: rows share their noise, a column for each category
  ganx sample run=SIGNATURE out=sevens.png n=100 label=7      of one class, or category
  ganx sample run=SIGNATURE out=made.csv n=1000               a table with the columns of the data
  ganx sample run=SIGNATURE out=made.npz n=1000               arrays x and y""",
    "interpolate": """ganx interpolate [OPTIONS] run=FOLDER|SIGNATURE out=FILE.png|FILE.gif KEY=VALUE ...

Walks from one point of the latent space to another: what a generator makes on the way. For images, and points in the
plane.

  ganx interpolate run=SIGNATURE out=walk.png                 a row for each walk, the next category in each
  ganx interpolate run=SIGNATURE out=walk.gif n=16 steps=40 label=7""",
    "neighbours": """ganx neighbours [OPTIONS] run=FOLDER|SIGNATURE [out=FILE.png|FILE.csv] KEY=VALUE ...

How near made-up rows are to training rows, and how near test rows are: far nearer means copied.

  ganx neighbours run=SIGNATURE                               the figures
  ganx neighbours run=SIGNATURE out=pairs.png                 and images beside the nearest training images
  ganx neighbours run=SIGNATURE out=pairs.csv n=100           and rows beside the nearest training rows""",
    "upgrade": """ganx upgrade [OPTIONS] run=FOLDER|SIGNATURE

Seal a finished run of an earlier version, as it is now: what is edited later is seen then, and tables count it. Its
figures stay; its folder gets another name where keys of its configuration have moved.""",
    "tables": """ganx tables [OPTIONS] [table=NAME] KEY=VALUE ...

Show a published table beside fresh runs; without table=NAME, list the tables and how complete each is.

  ganx tables table=hexagan_imputation                        what exists: here, and as .md .tex .csv .png
  ganx tables table=hexagan_imputation run=true               train what is missing, then show it
  ganx tables table=hexagan_imputation run=true hydra/launcher=joblib launcher.n_jobs=2
  ganx tables run=true hydra/launcher=slurm plan=true         what would be sent to the cluster
  ganx tables run=true                                        every table""",
    "figures": """ganx figures [OPTIONS] [figure=NAME] KEY=VALUE ...

Train what a figure of a paper needs, as ganx train would, and draw it; without figure=NAME, list the figures.

  ganx figures figure=hexagan_digits                        writes outputs/figures/hexagan_digits.png
  ganx figures figure=hexagan_digits out=digits.png""",
}

_OPTIONS = """Options
  --cfg job          show the composed configuration, do nothing else (-p model: only that part)
  --info defaults    show which files it is composed of (also: searchpath, config, plugins)
  -m                 run every combination of comma-separated values
  --config-dir DIR   add your own YAML files (DIR/model/mine.yaml); the code they name is trusted"""


def run(argv: list[str]) -> int:
    """Print the help of the command argv[0]."""
    command, *rest = argv
    print(_TEXT[command])
    if command == "train":
        folders = config_dirs(rest)
        names = groups(folders)
        width = max(map(len, names))
        print("\nGroups (ganx list GROUP tells more)")
        for group in names:
            print(f"  {group:{width}}  {', '.join(options(group, folders))}")
    print("\nKeys")
    print("\n".join(_keys(command)))
    print(f"\n{_OPTIONS}")
    return 0


def _keys(command: str) -> list[str]:
    """Return the top-level keys of a primary config, with their comments, as they stand in the file."""
    lines = (own_dir() / f"{command}.yaml").read_text(encoding="utf-8").splitlines()
    return [f"  {line}" for line in lines if line[:1].isalpha() and not line.startswith(("defaults:", "hydra:"))]
