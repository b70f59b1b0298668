"""Directed schedules: each shows what one rule is for. Without the rule it must go wrong, with it it must not.

usage: schedules.py [NAME ...]
"""
import sys

import holder_schedules as holder
import liveness_schedules as liveness
import safety_schedules as safety

SCHEDULES = [
    (safety.acknowledged_by_a_former_life, ['incarnations', 'oneview', 'recovery']),
    (safety.skipped_map, ['pointers', 'activate']),
    (safety.joiner_forgets, ['boot']),
    (safety.restarted_with_an_old_map, ['proof']),
    (safety.write_during_the_copy, ['seal']),
    (safety.recovery_from_too_few, ['recoveryquorum']),
    (safety.epoch_of_an_unsealed_answer, ['sealedepoch']),
    (safety.done_of_one, ['done']),
    (liveness.dead_replaced_keeps_serving, ['probe']),
    (liveness.dead_replaced_proceeds, ['proceed']),
    (liveness.dead_replaced_witnesses, ['witnesses']),
    (liveness.restarted_while_the_map_moves, ['reentry']),
    (liveness.single_restart, []),
    (liveness.single_restart_one_unreachable, ['proceed']),
    (liveness.full_restart, []),
    (liveness.full_restart_without_one, ['proceed']),
    (liveness.empty_start_beside_the_owners, ['everynode']),
    (liveness.own_activate_blocks, ['vouchonce']),
    (liveness.acknowledged_then_restarted, ['vouch']),
    (holder.late_offer, ['offer']),
    (holder.done_is_an_answer, ['donebroadcast']),
    (holder.offer_then_write, ['offersealed']),
    (holder.dropped_and_given_again, ['drop']),
    (holder.dropped_and_given_back, ['drop']),
]


def main():
    wrong = 0
    for schedule, removals in SCHEDULES:
        if sys.argv[1:] and schedule.__name__ not in sys.argv[1:]:
            continue
        with_rules = schedule(())
        wrong += with_rules != ''
        print('%-34s %-18s %s' % (schedule.__name__, 'all rules', with_rules or 'holds'))
        for rule in removals:
            without = schedule((rule,))
            wrong += without == ''
            print('%-34s %-18s %s' % ('', 'without ' + rule, without or 'HOLDS: the schedule shows nothing'))
    print('%-34s %-18s %s' % ('one_after_all', 'not promised', holder.one_after_all(()) or 'holds'))
    print('%d schedules, %d wrong' % (len(SCHEDULES), wrong))
    return wrong


if __name__ == '__main__':
    sys.exit(1 if main() else 0)
