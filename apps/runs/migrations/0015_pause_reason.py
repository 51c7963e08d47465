from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("runs", "0014_orphaned_jobs_and_heartbeats")]

    operations = [migrations.RenameField("run", "pause", "pause_reason")]
