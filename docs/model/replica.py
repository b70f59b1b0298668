"""One replica of one shard: its state and how it answers messages.

A shard holds one key here: what matters for safety is which versions a quorum knows. Epochs are the numbers of the
maps; `world.maps[epoch]` gives the members, which the real messages carry with them.
"""

NOTHING = (0, '')
NEVER = float('inf')


def majority(count):
    return count // 2 + 1


def blocking(count):
    """The fewest members that meet every write quorum of `count` members: count - q + 1."""
    return count - majority(count) + 1


def remembers(status, epoch):
    """It cannot have forgotten what it did at this epoch."""
    return not status['recovering'] and (epoch > status['remembers_after'] or status['ever'])


class Replica:
    def __init__(self, name, world):
        self.name = name
        self.world = world
        self.incarnation = 1
        self.map = 1
        self.reset()

    def reset(self):
        self.up = True
        self.remembers_after = NEVER  # what began after this epoch began in this incarnation
        self.began_with = {}          # incarnations of all nodes when the epoch began with nothing, here
        self.epoch = 0                # E: where this replica is, or was, active
        self.was_active = False       # active at E in this incarnation, data still held
        self.ever_active = False
        self.recovering = False       # may have acknowledged here in an earlier life
        self.promised = 0
        self.activated = frozenset()  # epochs > E known to be activated
        self.incarnations = {}
        self.done = {}                # epoch -> members that reported a complete copy
        self.dropped_at = 0
        self.incomplete = False       # active at E without the quorums of the epochs before: takes late offers
        self.version, self.value = NOTHING, None
        self.attempt = None
        self.status_number = 0

    # What this replica may do

    def remembers(self, epoch):
        return remembers(dict(recovering=self.recovering, remembers_after=self.remembers_after, ever=self.ever_active),
                         epoch)

    def members(self, epoch):
        return self.world.maps[epoch]

    def serves(self):
        return (self.up and self.was_active and self.promised <= self.epoch and not self.recovering
                and self.name in self.members(self.epoch))

    def serves_reads_at_one(self):
        """A sealed owner answers level ONE until it knows of an activation."""
        return self.up and self.was_active and not self.recovering and not self.activated

    def view(self, epoch):
        return tuple(self.incarnations.get(member, 0) for member in self.members(epoch))

    def merge(self, version, value):
        if version > self.version:
            self.version, self.value = version, value

    def forget_data(self):
        self.was_active, self.incomplete = False, False
        self.version, self.value = NOTHING, None

    def learn_incarnations(self, known):
        for name, incarnation in known.items():
            self.incarnations[name] = max(incarnation, self.incarnations.get(name, 0))

    def learn_map(self, epoch):
        """A map seen in full. One that gives the shard to no node drops it at once."""
        if epoch <= self.map:
            return
        self.map = epoch
        if not self.members(epoch):
            self.learn_drop(epoch)
            self.world.saw(self.name, epoch)

    def learn_drop(self, epoch):
        if epoch <= self.dropped_at or 'drop' in self.world.off:
            return
        self.dropped_at = epoch
        if self.epoch < epoch:
            self.forget_data()
            self.recovering = False   # what it may have acknowledged is gone by command

    def status(self):
        self.status_number += 1
        return dict(name=self.name, incarnation=self.incarnation, number=self.status_number,
                    remembers_after=self.remembers_after, began_with=self.began_with, epoch=self.epoch,
                    was_active=self.was_active,
                    ever=self.ever_active, recovering=self.recovering, promised=self.promised, map=self.map, activated=self.activated,
                    incarnations=dict(self.incarnations), dropped_at=self.dropped_at, incomplete=self.incomplete,
                    precopied=self.attempt.epoch if self.attempt and self.attempt.precopied else 0,
                    version=self.version, value=self.value)

    # Messages

    def receive(self, message):
        if self.up:
            getattr(self, 'on_' + message[0])(*message[1:])

    def send(self, receiver, *message):
        self.world.send(self.name, receiver, message)

    def on_request(self, client, number, kind, level, epoch, view, version, value):
        self.learn_incarnations_of_view(epoch, view)
        same_view = self.epoch == epoch and self.view(epoch) == view
        if 'incarnations' in self.world.off:
            same_view = self.epoch == epoch
        if 'view' in self.world.off:
            allowed = self.was_active
        elif kind == 'read' and level == 'ONE':
            allowed = same_view and (self.serves() or self.serves_reads_at_one())
        else:
            allowed = same_view and self.serves()
        if allowed:
            if kind == 'write':
                self.merge(version, value)
                self.world.accepted(version, self.epoch)
            self.send(client, 'reply', self.name, number, self.version, self.value)
            return
        # The client ahead hands over its view, the one behind learns a newer.
        if epoch > self.map and self.members(epoch):
            self.map = epoch
        served = self.epoch if self.serves() else 0
        self.send(client, 'wrong_view', self.name, number, served, max(self.promised, self.map, self.epoch),
                  dict(self.incarnations))

    def learn_incarnations_of_view(self, epoch, view):
        if 'incarnations' not in self.world.off:
            self.learn_incarnations(dict(zip(self.members(epoch), view)))

    def on_inquire(self, sender, incarnation, epoch, seal, dropped_at, needed):
        self.learn_incarnations({sender: incarnation})
        self.learn_drop(dropped_at)
        if seal:
            if epoch < max(self.promised, self.epoch):
                self.send(sender, 'refused', max(self.promised, self.epoch))
                return
            if 'seal' not in self.world.off and epoch > self.epoch:
                self.promised = epoch
        self.map = max(self.map, epoch)
        if needed and self.world.reenters and not seal:
            self.remember_again(needed[0])
        self.send(sender, 'status', (incarnation, epoch), self.status())

    def remember_again(self, epoch):
        """A change needs an epoch that an earlier life of this replica served: recover it first."""
        member = self.name in self.members(epoch) and epoch >= self.dropped_at
        if member and not self.remembers(epoch):
            self.recovering = True

    def on_refused(self, epoch):
        self.map = max(self.map, epoch)

    def on_activate(self, sender, incarnation, epoch):
        if self.promised > epoch or self.epoch > epoch:
            self.send(sender, 'refused', max(self.promised, self.epoch))
            return
        if self.recovering:
            return
        self.promised = max(self.promised, epoch)
        if epoch > self.epoch:
            self.activated |= {epoch}
        self.send(sender, 'recorded', self.name, self.incarnation, incarnation, epoch)

    def on_done(self, sender, epoch):
        if self.promised < epoch and 'offersealed' not in self.world.off:
            self.promised = epoch     # stop first: what is written after an offer would be dropped unseen
            return
        self.done.setdefault(epoch, set()).add(sender)
        complete = set(self.members(epoch)) <= self.done[epoch] or 'done' in self.world.off
        if self.was_active and self.epoch < epoch and self.name not in self.members(epoch) and complete:
            self.forget_data()
            self.activated |= {epoch}

    def on_offer(self, sender, epoch, version, value):
        """An old owner outside the map still holds data of an earlier epoch."""
        if not (self.was_active and not self.recovering and epoch < self.epoch):
            return
        if epoch >= self.dropped_at and self.incomplete and 'offer' not in self.world.off:
            self.merge(version, value)
        self.send(sender, 'done', self.name, self.epoch)

    def on_repair(self, epoch, version, value):
        if self.was_active and self.epoch == epoch:
            self.merge(version, value)

    def on_status(self, tag, status):
        attempt = self.attempt
        if attempt and tag == (self.incarnation, attempt.epoch):
            attempt.hear(status)
            attempt.advance()

    def on_recorded(self, name, its_incarnation, incarnation, epoch):
        attempt = self.attempt
        if attempt and incarnation == self.incarnation and attempt.epoch == epoch:
            attempt.recorded[name] = max(its_incarnation, attempt.recorded.get(name, 0))
            attempt.advance()
