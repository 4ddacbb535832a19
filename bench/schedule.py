"""What an evaluation would take on machines with more cores than this one: its scheduling, simulated.

`limn evaluate` hands out blocks of images one by one to whoever is free (threads, and processes under mpirun); rows are
written in order by one thread, which lets the others run ahead by two blocks each. The simulation repeats these rules with
block times that were measured here, drawn at random, and is checked against runs of one and two workers.
"""
import heapq
import random

POLL = 0.002  # seconds after which a process at most looks for its next block


def simulate(services, workers, write=0.0, start=0.0, poll=0.0, rng=None):
    """Seconds until the rows of all blocks are written. `services` are the blocks' times in the order of the dataset."""
    free = [(start, w) for w in range(workers)]  # when each worker can begin its next block
    heapq.heapify(free)
    finished = []  # when the result of each block is there
    written = []   # when its rows are
    ahead = 2 * workers

    def write_rows():
        """In order, as far as results are there."""
        while len(written) < len(finished):
            begin = max(finished[len(written)], written[-1] if written else 0.0)
            written.append(begin + write)

    for k, seconds in enumerate(services):
        now, worker = heapq.heappop(free)
        if k >= ahead:
            write_rows()
            now = max(now, written[k - ahead])  # waits until the rows of an earlier block are out of the way
        end = now + seconds + (rng.uniform(0, poll) if rng and poll else 0.0)
        finished.append(end)
        heapq.heappush(free, (end, worker))
    write_rows()
    return written[-1]


def sampled(services, blocks, rng):
    return [rng.choice(services) for _ in range(blocks)]


def predict(services, blocks, workers, shards=1, write=0.0, start=0.0, seed=1):
    """Speed-up over one worker without start and writing, and the seconds it takes. With shards, every shards-th block
    goes to a process of its own with workers / shards threads, as --shard does."""
    rng = random.Random(seed)
    work = sampled(services, blocks, rng)
    each = max(1, workers // shards)
    seconds = max(simulate(work[s::shards], each, write, start, POLL, rng) for s in range(shards) if work[s::shards])
    return sum(work) / seconds, seconds


def table(services, write, start, images=(250, 5000, 50000), batch=8, workers=(1, 2, 8, 32, 64, 128, 256, 512)):
    """Rows: workers, and for each number of images the efficiency of one run, and of shards of 64 workers."""
    rows = []
    for w in workers:
        row = [w]
        for n in images:
            blocks = -(-n // batch)
            one, seconds = predict(services, blocks, w, 1, write, start)
            many, _ = predict(services, blocks, w, max(1, w // 64), write, start)
            row.append((one, many, seconds))
        rows.append(row)
    return rows
