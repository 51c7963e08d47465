from django.db import migrations, models
from django.db.models import F


def mark_silent(apps, schema_editor):
    """Tables with a problem were asked last when they are said to have been read."""
    readings = apps.get_model("coverage", "TableReading").objects.exclude(problem="")
    readings.update(silent_since=F("read_at"))


class Migration(migrations.Migration):
    dependencies = [("coverage", "0009_accepted_in_verifications")]

    operations = [
        migrations.AddField(
            "tablereading",
            "silent_since",
            models.DateTimeField(
                null=True, help_text="Empty where it answered when it was last asked."
            ),
        ),
        migrations.AddField(
            "tablereading",
            "is_outage",
            models.BooleanField(
                default=False,
                help_text="Whether the warehouse as a whole did not answer, not only this table.",
            ),
        ),
        migrations.AlterField(
            "tablereading",
            "read_at",
            models.DateTimeField(null=True, help_text="Empty while it was never read as a whole."),
        ),
        migrations.AlterField(
            "tablereading",
            "problem",
            models.TextField(blank=True, help_text="Why it cannot be read, without a full stop."),
        ),
        migrations.AlterField(
            "tablereading",
            "scan",
            models.ForeignKey(
                "coverage.Scan",
                models.SET_NULL,
                null=True,
                help_text="The one that read it last.",
            ),
        ),
        migrations.AlterField(
            "partition",
            "read_at",
            models.DateTimeField(
                help_text="When the warehouse last said something new about it, or was asked about a few dates of the "
                "table."
            ),
        ),
        migrations.RunPython(mark_silent, migrations.RunPython.noop, elidable=True),
    ]
