"""Replays one run of the swarm and prints what changed at each replica: trace.py SEED MODE [OFF ...]"""
import sys

from swarm import MODES, Run


def show(replica):
    return ('map %d E %d%s%s%s promised %d activated %s remembers after %s inc %d view %s dropped %d %s%s' % (
        replica.map, replica.epoch, ' active' if replica.was_active else '', ' RECOVERING' if replica.recovering else '',
        '' if replica.up else ' DOWN', replica.promised, sorted(replica.activated), replica.remembers_after,
        replica.incarnation, replica.view(replica.epoch), replica.dropped_at, replica.version,
        ' incomplete' if replica.incomplete else ''))


def main():
    run = Run(int(sys.argv[1]), tuple(sys.argv[3:]), **MODES[sys.argv[2]])
    world, last = run.world, {}
    print('maps', world.maps[1:])
    check, finished = world.check, world.finished

    def report():
        for name, replica in world.replicas.items():
            line = show(replica)
            if last.get(name) != line:
                last[name] = line
                print('%4d %s %s' % (world.now, name, line))
        before = len(world.problems)
        check()
        for problem in world.problems[before:]:
            print('     PROBLEM', problem)
            sys.exit()

    def note(client, kind, version, value):
        print('%4d client %s %s %s at %d: %s' % (world.now, client.name, client.level, kind, client.epoch, version))
        finished(client, kind, version, value)

    world.check, world.finished = report, note
    run.run()
    print('serves after', run.serves_after)


if __name__ == '__main__':
    main()
