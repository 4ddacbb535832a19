"""What is measured: cells (network, batch, threads, alone or beside a busy process), and what each program does in one."""
import dataclasses


@dataclasses.dataclass(frozen=True)
class Cell:
    network: str
    batch: int
    threads: int
    busy: bool = False

    @property
    def key(self):
        return f"{self.network}/batch {self.batch}/threads {self.threads}{'/busy' if self.busy else ''}"


def cells(networks, batches, threads, quick):
    """The cells in the order of their worth: a run that is stopped early has the most important ones. The busy
    neighbour takes one of the cores, so that its cells are those of the most threads."""
    plan = [Cell(n, b, t) for b in batches for t in sorted(threads, reverse=True) for n in networks]
    busy = [Cell(n, b, max(threads), True) for b in batches if b <= (8 if quick else 32) for n in networks]
    split = len(networks) * len(threads)
    return plan[:split] + busy[:len(networks)] + plan[split:] + busy[len(networks):]


def limn_works(cell, facts, quick, precisions=False):
    """`precisions` says whether there are two: class scores and CAMs are then fast by default, gradients exact."""
    gradient = "guided-backprop" if facts["rectifiers"] else "gradient"
    works = ["forward", "grad-cam", "grad-cam*5"]
    if not cell.busy:
        works += [gradient] + (["exact:forward", f"fast:{gradient}"] if precisions else [])
    if cell.batch == 1 and not cell.busy and (cell.threads > 1 or not quick):
        works += ["integrated-gradients"] + (["gradient"] if gradient != "gradient" else [])
    return works


def pytorch_works(cell, facts, quick):
    """Empty where PyTorch is not measured. Quick runs leave it out where there is another aim to show: on one thread,
    and beside a busy process."""
    if quick and (cell.threads == 1 or cell.busy):
        return []
    works = ["forward", "grad-cam/autograd", "grad-cam/backward"]
    if facts["rectifiers"] and not cell.busy:
        works += ["guided-backprop/autograd", "guided-backprop/backward"]
    if cell.batch == 1 and not cell.busy and not quick:
        works.append("integrated-gradients")
    return works
