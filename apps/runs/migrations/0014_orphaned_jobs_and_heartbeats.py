"""Words of the field: an attempt's job is orphaned, and a worker sends heartbeats."""

from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def forget_old_schedule(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Its task has another name now; the app's start makes the new one."""
    apps.get_model("django_q", "Schedule").objects.filter(name="end stray scripts").delete()


def rename_events(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    apps.get_model("runs", "Event").objects.filter(kind="stray").update(kind="orphaned job")


class Migration(migrations.Migration):
    dependencies = [
        ("runs", "0013_failed_redo"),
        ("django_q", "0019_alter_task_options_alter_ormq_key_alter_ormq_lock_and_more"),
    ]

    operations = [
        migrations.RemoveIndex("attempt", "attempt_stray"),
        migrations.RenameField("attempt", "stray_at", "orphaned_at"),
        migrations.RenameField("attempt", "beat_at", "heartbeat_at"),
        migrations.AddIndex(
            "attempt",
            models.Index(
                condition=models.Q(orphaned_at__isnull=False), fields=["table"], name="attempt_orphaned"
            ),
        ),
        migrations.RunPython(rename_events, migrations.RunPython.noop),
        migrations.RunPython(forget_old_schedule, migrations.RunPython.noop),
    ]
