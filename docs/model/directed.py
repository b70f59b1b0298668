"""What directed schedules are made of."""

LONG = 60               # rounds of two ticks: past proceedAfter
SHORT = 12
CHANGE = ('inquire', 'status', 'activate', 'recorded')      # what a change sends before it reports that it is done


def write(world, client, level, names, epoch=None, value=None):
    """A client writes, reaching only these names; True when acknowledged."""
    actor = world.clients[client]
    actor.epoch = epoch or actor.epoch
    actor.start('write', level, value or world.events + 1)
    return finish(world, actor, names)


def read(world, client, level, names, epoch=None):
    actor = world.clients[client]
    actor.epoch = epoch or actor.epoch
    actor.start('read', level)
    return finish(world, actor, names)


def finish(world, actor, names):
    for _ in range(6):
        world.pump(set(names) | {actor.name}, ('request', 'reply', 'wrong_view'))
        if not actor.kind:
            return True
        actor.send()
    world.messages = [m for m in world.messages if actor.name not in m[:2]]
    actor.abandon()
    return False


def learn(world, epoch, names):
    world.published = epoch
    for name in names:
        world.replicas[name].learn_map(epoch)


def outcome(world, epoch=None):
    """What is wrong at the end: a broken promise, else a shard that does not serve."""
    world.check()
    if world.problems:
        return world.problems[0]
    return '' if epoch is None or world.serves_at(epoch) else 'does not serve'
