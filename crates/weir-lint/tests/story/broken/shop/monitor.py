"""The monitor that needs a slot to say that there is none."""

from django.db import connections


class ConnectionMonitor:
    def stats(self):
        with connections["default"].cursor() as cursor:
            cursor.execute(  # activity-probe
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            )
            total = cursor.fetchone()[0]
            cursor.execute(  # activity-probe
                "SELECT count(*) FROM pg_stat_activity "
                "WHERE datname = current_database() AND state = 'active'"
            )
            active = cursor.fetchone()[0]
            cursor.execute(  # activity-probe
                """
                SELECT pid, now() - query_start AS age, query FROM pg_stat_activity
                WHERE now() - query_start > interval '30 seconds' ORDER BY age DESC
                """
            )
            return total, active, cursor.fetchall()
