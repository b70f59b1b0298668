#include "calls.h"

#include <stdlib.h>

enum { FIRST_HEAD_COUNT = 16 };

void call_list_append(call_list *list, call *added) {
    added->previous = list->last;
    added->next = NULL;
    *(list->last != NULL ? &list->last->next : &list->first) = added;
    list->last = added;
    list->count++;
}

void call_list_remove(call_list *list, call *removed) {
    *(removed->previous != NULL ? &removed->previous->next : &list->first) = removed->next;
    *(removed->next != NULL ? &removed->next->previous : &list->last) = removed->previous;
    list->count--;
}

static void chain(call_table *table, call *added) {
    call **head = &table->heads[added->id & (table->head_count - 1)];
    added->chained = *head;
    *head = added;
}

static bool grow(call_table *table) {
    size_t head_count = table->head_count > 0 ? 2 * table->head_count : FIRST_HEAD_COUNT;
    call **heads = calloc(head_count, sizeof(call *));
    if (heads == NULL) return false;
    free(table->heads);
    table->heads = heads;
    table->head_count = head_count;
    for (call *each = table->all.first; each != NULL; each = each->next) chain(table, each);
    return true;
}

uint32_t calls_next_id(call_table *table) {
    do table->last_id++;
    while (calls_find(table, table->last_id) != NULL);
    return table->last_id;
}

bool calls_insert(call_table *table, call *added) {
    if (table->all.count == table->head_count && !grow(table)) return false;
    chain(table, added);
    call_list_append(&table->all, added);
    return true;
}

call *calls_find(const call_table *table, uint32_t id) {
    if (table->head_count == 0) return NULL;
    call *found = table->heads[id & (table->head_count - 1)];
    while (found != NULL && found->id != id) found = found->chained;
    return found;
}

void calls_remove(call_table *table, call *removed) {
    call **place = &table->heads[removed->id & (table->head_count - 1)];
    while (*place != removed) place = &(*place)->chained;
    *place = removed->chained;
    call_list_remove(&table->all, removed);
}
