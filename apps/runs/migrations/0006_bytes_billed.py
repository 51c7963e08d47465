from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("runs", "0005_quota")]

    operations = [
        migrations.AddField(
            model_name="attempt",
            name="bytes_billed",
            field=models.PositiveBigIntegerField(
                help_text="By the job's metadata; empty where nobody knows, or nothing is billed.", null=True
            ),
        ),
    ]
